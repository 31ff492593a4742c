"""What a team needs over the years: what would happen, what did, back to before, copies, people who leave, new keys."""
