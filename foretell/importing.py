"""`foretell import`: files into the store in bounded memory; what cannot be read goes to a rejects file."""
