"""How fast the hub is and how much memory it takes, measured on the whole embedded stack."""
