"""Mail: what is safe to show, what is new in an answer, what belongs together, and what is sent."""
