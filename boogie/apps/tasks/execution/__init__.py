"""
One attempt: start, run the body, settle; here and now, in a worker, or after its process died.
"""
