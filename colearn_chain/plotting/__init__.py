"""Pictures of a run: scores by round, and who proposed, who voted what, what was accepted.

``ColearnPlot`` follows a run on the screen or, on a machine without one, collects for ``save``.
``draw_scores`` and ``draw_votes`` write files from plain data and touch no state of pyplot. matplotlib
(extra ``plot``) is imported when something is drawn.
"""

from colearn_chain.plotting.scores import draw_scores
from colearn_chain.plotting.votes import draw_votes
from colearn_chain.plotting.windows import ColearnPlot, plot_results, plot_votes
from colearn_chain.results import VoteMark

__all__ = ["ColearnPlot", "VoteMark", "draw_scores", "draw_votes", "plot_results", "plot_votes"]
