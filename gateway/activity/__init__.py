"""What goes on in an account: routes, schemas."""
