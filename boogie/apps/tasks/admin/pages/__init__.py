"""
Pages beside the list: what their URLs ask for, and what their templates get.
"""
