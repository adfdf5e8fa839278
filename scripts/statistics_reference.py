"""Computes by numpy and scipy what test/statistics.test.ts expects of src/statistics.ts and src/student.ts.

Run it with numpy and scipy installed (the numbers in the test are of numpy 2 and scipy 1.17); it prints JSON.
"""

import itertools
import json

import numpy as np
from scipy import stats

A = [402.5, 387.25, 420.125, 399, 250.0625]
B = [500, 500, 491.5, 500, 482.75, 500, 402.5]
CONSTANT = [500, 500, 500, 500, 500]
SMALL_ERRORS = [2.5e-4, 1.75e-4, 3.1e-4, 2.2e-4, 9.1e-4, 1.2e-4]


def resampled_means(values):
    """The mean of every possible resample: the exact bootstrap distribution, no random number in it."""
    return np.array([np.mean(r) for r in itertools.product(values, repeat=len(values))])


def around(statistics):
    """Between which quantiles the two ends of 10,000 random resamples lie: 3.5 standard errors to each side."""
    errors = 3.5 * np.sqrt(0.025 * 0.975 / 10_000)
    return {
        end: np.quantile(statistics, [q - errors, q + errors]).tolist()
        for end, q in (("low", 0.025), ("high", 0.975))
    }


def difference(a, b):
    """The exact bootstrap distribution of mean(a) - mean(b), the two resampled independently."""
    return (resampled_means(a)[:, None] - resampled_means(b)[None, :]).ravel()


def welch(a, b):
    result = stats.ttest_ind(a, b, equal_var=False)
    return [float(result.statistic), float(result.df), float(result.pvalue)]


def improvement(a, b):
    return float(stats.mannwhitneyu(a, b).statistic) / (len(a) * len(b))


def holm(values):
    """Holm's correction as the closed test that it is: the largest Bonferroni p of any set of tests that holds this one."""
    sets = [s for n in range(1, len(values) + 1) for s in itertools.combinations(range(len(values)), n)]
    bonferroni = {s: min(1.0, len(s) * min(values[i] for i in s)) for s in sets}
    return [max(bonferroni[s] for s in sets if i in s) for i in range(len(values))]


PS = [welch(CONSTANT, A)[2], welch(CONSTANT, B)[2], welch(A, B)[2]]

print(
    json.dumps(
        {
            "standardDeviation": float(np.std(A, ddof=1)),
            "interquartileMean": [float(stats.trim_mean(x, 0.25)) for x in (A, B, SMALL_ERRORS, B[:3])],
            "interval": around(resampled_means(A)),
            "intervalOfErrors": around(resampled_means(SMALL_ERRORS)),
            "differenceInterval": around(difference(B[:5], A)),
            "ratioInterval": around((resampled_means(B[:5])[:, None] / resampled_means(A)[None, :]).ravel()),
            "welch": [welch(A, B), welch(CONSTANT, A), welch(SMALL_ERRORS, A), welch(CONSTANT, B)],
            "holm": [holm(PS), holm([0.04, 0.001, 0.6, 0.03, 0.02, 0.6, 0.0])],
            "probabilityOfImprovement": [improvement(A, B), improvement(B, A), improvement(CONSTANT, B)],
            "studentInterval": [
                [float(end) for end in stats.t.interval(0.95, 4, 402.3, 15.2 / np.sqrt(5))],
                [float(end) for end in stats.t.interval(0.95, 4, 482.7, 8.4 / np.sqrt(5))],
            ],
        },
        indent=1,
    )
)
