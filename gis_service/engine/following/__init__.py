"""How the world comes into memory and stays current: where it is read from, who says that it moved."""
