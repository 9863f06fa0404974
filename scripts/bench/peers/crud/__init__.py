"""The same as most would build it: FastAPI, SQLAlchemy on asyncpg, uvicorn; plain tables with the indexes they need.

What it answers, checks and limits is what this product does; it keeps no history, tells nobody, and has no retries.
"""
