"""Who is told what: subscriptions, their secrets, and every delivery with its attempts."""
