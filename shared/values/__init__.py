"""What texts mean, the same at every entrance: numbers, instants, addresses, columns, and names in words. Pure."""
