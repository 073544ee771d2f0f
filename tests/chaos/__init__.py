"""Real processes killed, frozen and cut off in the middle of the story: the end must be as on a quiet day."""
