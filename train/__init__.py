"""From labelled pictures to a trained model and its export."""
