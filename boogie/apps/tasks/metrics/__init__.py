"""What monitoring systems read: figures of the tables, in the text of Prometheus."""
