"""What must outlive a request: loops that live on when a turn fails, each with its interval and counters."""
