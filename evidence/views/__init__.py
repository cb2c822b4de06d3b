"""The pages of the evidence floor."""
