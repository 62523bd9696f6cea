"""The webhook door under load while its process is killed again and again."""
