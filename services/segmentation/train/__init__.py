"""What a run of segmentation does: find groups, keep their identities, name them, judge them."""
