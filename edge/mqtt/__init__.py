"""The MQTT contract: topics, messages, the durable outbox and its publisher."""
