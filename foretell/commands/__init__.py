"""The commands, one file a group; each parses, asks the rooms and prints."""
