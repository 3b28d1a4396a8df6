"""From RabbitMQ to the tables of events: connect, parse, aggregate, record."""
