"""What a client may send: one model per question, every field checked, unknown fields refused.

Knows the shape of requests only; whether an id exists or a time makes sense is for the engine to say.
"""
