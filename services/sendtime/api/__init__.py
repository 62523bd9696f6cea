"""The paths beside the prediction, and what lies between the wire and the model."""
