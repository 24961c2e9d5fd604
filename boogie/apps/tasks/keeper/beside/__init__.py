"""
Workers on the same host: what the operating system knows of them is known sooner than by silence.
"""
