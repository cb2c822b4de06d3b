"""What this floor hears: it only enqueues."""
