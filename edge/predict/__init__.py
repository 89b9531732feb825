"""Tags of single pictures: a detector, a classifier and the code readers, asked about a picture without a camera."""
