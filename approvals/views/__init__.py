"""The pages of the approvals floor."""
