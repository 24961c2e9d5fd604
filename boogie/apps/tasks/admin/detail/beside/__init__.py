"""
What a row's page says of other rows: those that it made or came from, and those that wait for it.
"""
