"""
All that publishes, and what differs from broker to broker. No models.
"""
