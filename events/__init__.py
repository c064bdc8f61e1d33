"""The vocabulary: commands and events of every context, and the envelope they travel in."""
