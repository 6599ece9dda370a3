"""What a latent is for: directions, edits, ways from face to face, and what edits change. Nothing
is inverted here."""
