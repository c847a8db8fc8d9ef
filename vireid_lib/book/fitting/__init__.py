"""Chapter 02: generators fitted to the book's data, and what they learned."""
