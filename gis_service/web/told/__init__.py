"""What the engine answers, as models, one module for each kind of question.

They write the OpenAPI document, and tests hold answers against them. Answers are rendered without passing
through these models: validating a long customer list again would cost more than finding it.
"""
