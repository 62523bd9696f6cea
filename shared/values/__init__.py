"""What texts mean: numbers, instants, addresses, names and columns, the same at every entrance. Pure."""
