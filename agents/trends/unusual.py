"""How unusual it is that so many texts name a thing, against what its own past lets one expect.

The past is a share: of so many texts of the last week, so many named the thing. That share of the texts of the window
is what is expected, so that a night, a Friday or a new feed makes no name rise. Since the share is an estimate, and
news come in clumps, the count is taken for negative binomial (a Poisson count whose rate has a gamma distribution:
Gelman and others, Bayesian Data Analysis, 3rd ed., 2.6), and the score is its deviance residual (McCullagh and Nelder,
Generalized Linear Models, 2nd ed., 2.4.3): about so many standard deviations.
"""

from math import log, sqrt

__all__ = ["unusual"]

# Texts. A name that nobody has heard is expected this often in any window, so that it takes several texts to make it
# rise; cf. the bias term of SigniTrend (Schubert, Weiler and Kriegel, KDD 2014). Lower, and every rare name rises.
FLOOR = 0.5
# How far counts of news scatter beyond Poisson: the variance is mean + mean² / SHAPE. The likeliest for days of ANT
# (`python -m agents.trends.evaluate`; 4 and 12 are nearly as likely). Lower, and a busy name has to rise further.
SHAPE = 6.0
# The past must have this many times the texts of the window, or all that is known of a name is the window itself.
LEAST_PAST = 3


def unusual(texts: int, of: int, past: int, past_of: int) -> tuple[float, float]:
    """What was expected, in texts, and the score, 0 where no more came than that.

    `texts` of all `of` texts of the window name the thing, and `past` of all `past_of` texts before it did. While too
    little came before, what came is what was expected.
    """
    if not past_of or past_of < LEAST_PAST * of:
        return float(texts), 0.0
    expected = of * past / past_of
    mean, shape = max(expected, FLOOR), min(past + 1.0, SHAPE)
    if texts <= mean:
        return round(expected, 2), 0.0
    deviance = texts * log(texts / mean) - (texts + shape) * log((texts + shape) / (mean + shape))
    return round(expected, 2), round(sqrt(max(0.0, 2 * deviance)), 2)
