"""Mail: messages, the transport and the queue."""
