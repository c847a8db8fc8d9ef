"""What can be measured of features, images and attention."""
