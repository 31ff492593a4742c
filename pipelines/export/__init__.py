"""Tables that leave at a user's word: trends, protected or for the secure side; the warehouse, for that alone."""
