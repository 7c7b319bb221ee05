"""What every door can do with a task and a run: train, evaluate, predict, explain and so on.

The command line and the web call these; they return or yield and never print.
"""
