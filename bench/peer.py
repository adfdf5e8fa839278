"""What the peers share: the conversation with `wm bench`, and the check against the reference update."""

import base64
import gzip
import json
import os
import resource
import sys
import time

WARM_UP_SECONDS = 0.3
SAMPLE_SECONDS = 0.1
FIXTURE = os.path.join(os.path.dirname(__file__), '../test/fixtures/dream-critic-update.json.gz')


class Stopwatch:
    """Times `run(n)`, which does the work n times and waits for it, over at least SAMPLE_SECONDS."""

    def __init__(self, run):
        self.run = run
        run(1)  # compiles
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < WARM_UP_SECONDS:
            run(1)
            count += 1
        self.repeats = max(1, round(SAMPLE_SECONDS * count / (time.perf_counter() - start)))

    def sample(self):
        """Seconds on the clock and of the processor, per time the work is done."""
        start, cpu_start = time.perf_counter(), time.process_time()
        self.run(self.repeats)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        return dict(seconds=seconds / self.repeats, cpuSeconds=cpu_seconds / self.repeats)


def serve(version, prepare):
    """
    Answers `wm bench`, one JSON object a line on stdin and stdout: `prepare` once, then `time` per sample, then
    `finish`. `prepare(setup)` gives {measure: run}, of which those asked for are timed.
    """
    # What a library prints to stdout must not stand between the answers.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    watches = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request['kind'] == 'prepare':
            runs = prepare(request)
            watches = {name: Stopwatch(run) for name, run in runs.items() if name in request['measures']}
            answer = dict(device='processor', version=version, operations=None, measures=list(watches))
        elif request['kind'] == 'time':
            answer = watches[request['measure']].sample()
        else:
            answer = dict(peakMegabytes=peak_megabytes())
        print(json.dumps(answer), file=answers, flush=True)


def peak_megabytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == 'darwin' else 2**10)


def sgemm(make, multiply, n):
    """A run for `serve`: the product of two n x n float32 matrices, 2 n^3 flops."""
    a, b = make(n), make(n)

    def run(repeats):
        for _ in range(repeats):
            multiply(a, b)

    return run


DEFAULTS = {
    'method': 'vae-lstm',
    'name': None,
    'seeds': [0],
    'steps': 50_000,
    'evaluation': {'every': 2000, 'episodes': 100},
    'beta': {'from': 1.0, 'to': 0.1, 'over': 10_000},
    'lambda': 0.5,
    'gamma': 0.99,
    'horizon': 15,
    'imaginationStarts': 64,
    'learningRate': 1e-3,
    'gradientClip': 10,
    'policyAverage': 0.001,
    'model': {'latent': 32, 'hidden': [64, 64], 'lstm': 128, 'reconstructionWeight': 50, 'latentWeight': 1},
    'critic': {
        'shapesModel': True,
        'bootstrapsActor': True,
        'hidden': [64, 64],
        'targetRate': 0.1,
        'boundedTarget': True,
        'returnLambda': 0.95,
    },
    'actor': {'hidden': [64, 64], 'learningRate': 3e-4, 'entropy': 1e-3, 'returnRangeFloor': 0.01},
    'randomSteps': 1000,
    'updateEvery': 4,
    'replay': {'capacity': 50_000, 'batch': 32, 'length': 8},
}


def resolve(config, defaults=DEFAULTS):
    """A config with wm's defaults filled in. A key that the peers do not know is an error."""
    unknown = config.keys() - defaults.keys()
    assert not unknown, f'the peers do not know {", ".join(sorted(unknown))}'
    groups = ('evaluation', 'model', 'critic', 'actor', 'replay')
    nested = {key: resolve(config[key], defaults[key]) for key in groups if key in config}
    return {**defaults, **config, **nested}


def arm(experiment):
    """Which of the two arms a config asks for; the peers have no other."""
    switches = experiment['critic']['shapesModel'], experiment['critic']['bootstrapsActor']
    assert switches in ((True, True), (False, False)), 'the peers know the dream critic and the baseline alone'
    return 'dream-critic' if switches[0] else 'baseline'


def schedule_at(schedule, step, minimum=min):
    """The value after `step` environment steps of a number or of {from, to, over}."""
    if isinstance(schedule, (int, float)):
        return schedule
    return schedule['from'] + (schedule['to'] - schedule['from']) * minimum(1.0, step / schedule['over'])


def beta_at(experiment, step, minimum=min):
    return schedule_at(experiment['beta'], step, minimum)


def average_rate_at(experiment, update, maximum=max):
    """Rate of the policy average at `update`, 1 for the first: polynomial decay, eta = 8."""
    return maximum(experiment['policyAverage'], 9 / (update + 8))


def base_loss(terms, beta, s):
    """What a world model learns from without a critic: the weighted sum of its terms."""
    return (
        s['model']['reconstructionWeight'] * (terms['reconstruction'] + terms['predicted_reconstruction'])
        + s['model']['latentWeight'] * terms['latent_consistency']
        + beta * terms['kl']
        + terms['reward']
        + terms['continue']
    )


# ---- the reference update


def reference(numpy, path=FIXTURE):
    """An update computed elsewhere on fixed weights, batch and noise, its arrays decoded."""

    def decode(value):
        if not isinstance(value, dict):
            return value
        dtype = next((name for name in ('f32', 'i32') if name in value), None)
        if dtype is None:
            return {key: decode(part) for key, part in value.items()}
        data = numpy.frombuffer(base64.b64decode(value[dtype]), {'f32': '<f4', 'i32': '<i4'}[dtype])
        return data.reshape(value['shape'])

    with gzip.open(path) as file:
        return decode(json.load(file))


def reference_experiment(hyper):
    """The config that the reference update was computed with: the defaults but for β, and an unbounded bootstrap."""
    return resolve(dict(beta=hyper['beta'], critic={'boundedTarget': False}, **{'lambda': hyper['lambda_critic']}))


def check(numpy, learn):
    """
    Compares an update of either arm with the reference: loss terms to 1e-4 of their size, the dream critic's weights
    after the step to 1e-5. (Adam's first step is nearly the sign of the gradient, so weights whose gradient is tiny
    are left out.) How many of these differ.

    `learn(reference, experiment)` gives the loss terms and the weights after the update by part and name.
    """
    given = reference(numpy)
    expected, s = given['expected'], reference_experiment(given['hyper'])
    baseline = {**s, 'critic': {**s['critic'], 'shapesModel': False, 'bootstrapsActor': False}}
    terms, after = learn(given, s)
    failures = compare_terms(
        terms,
        {
            **expected['terms'],
            'total': expected['total'],
            'imagined_critic': expected['imagined_critic'],
            'actor': expected['actor_loss'],
            'gradient_norm': expected['model_gradient_norm'],
        },
    )
    print('baseline')
    base_total = expected['total'] - s['lambda'] * expected['terms']['critic']
    base_terms = {name: x for name, x in expected['terms'].items() if name != 'critic'}
    failures += compare_terms(
        learn(given, baseline)[0], {**base_terms, 'total': base_total, 'actor': expected['baseline_actor_loss']}
    )
    failures += compare_weights(numpy, after, expected)
    return failures


def compare_terms(terms, wanted):
    """Prints both values of every term; how many differ."""
    failures = 0
    for name, value in wanted.items():
        error = abs(float(terms[name]) - value) / abs(value)
        failures += error > 1e-4
        print(f'{name:26s} {float(terms[name]):12.6g} {value:12.6g}  relative error {error:.1e}')
    return failures


def compare_weights(numpy, after, expected):
    """Prints the largest difference of each part; how many parts differ."""
    failures = 0
    gradients = {'model': expected['model_gradient'], 'actor': expected['actor_gradient']}
    scale = {'model': DEFAULTS['gradientClip'] / expected['model_gradient_norm'], 'actor': 1.0}
    for part, gradient in gradients.items():
        worst = 0.0
        for name, value in expected[f'{part}_after'].items():
            clear = numpy.abs(gradient[name] * scale[part]) > 1e-4
            difference = numpy.abs(numpy.asarray(after[part][name]) - value)[clear]
            worst = max(worst, difference.max(initial=0.0))
        failures += worst > 1e-5
        print(f'{part} weights after the step: largest difference {worst:.1e}')
    return failures
