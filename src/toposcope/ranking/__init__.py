"""Ranking pre-trained models for a target: the scores on shared draws, the board, and its judges.

`run` captures the candidates and plans the tasks, `scoring` is the body of a task, `board` turns
draws into ranks, intervals and ties, `judging` holds scores against measured accuracies. What the
scores are stands in `toposcope.transfer`.
"""
