"""The sample organisation: six use cases, each at another point of the story, told through the product's own verbs."""
