"""What a training of messages does."""
