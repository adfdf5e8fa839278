"""
The dream critic and the baseline in JAX: the same algorithm, jitted and vmapped over members.

  python bench/jax_peer.py                              answers `wm bench --peers` on stdin and stdout
  python bench/jax_peer.py train configs/dream.yaml     the whole run, all cores; one JSON line per evaluation
  python bench/jax_peer.py check                        compares one update with the reference

Symbols and settings are those of the README; `s` is a config as wm resolves it. Every function is written for one
member. Shapes: windows [batch, time, ...], imagination [horizon, starts, ...]. Gates: input, forget, candidate, output.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

import peer

SCALE = jnp.array([1.0, 1.0, 0.1, 1.0])
ACTIONS = 2
TIME_LIMIT = 500
sg = jax.lax.stop_gradient


# ---- CartPole-v1


def env_step(state, action):
    """One Euler step of 0.02 s: (next state, terminated)."""
    x, x_dot, theta, theta_dot = state
    force = jnp.where(action == 1, 10.0, -10.0)
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    temp = (force + 0.05 * theta_dot**2 * sin) / 1.1
    theta_acc = (9.8 * sin - cos * temp) / (0.5 * (4.0 / 3.0 - 0.1 * cos**2 / 1.1))
    x_acc = temp - 0.05 * theta_acc * cos / 1.1
    after = jnp.stack([x + 0.02 * x_dot, x_dot + 0.02 * x_acc, theta + 0.02 * theta_dot, theta_dot + 0.02 * theta_acc])
    return after, (jnp.abs(after[0]) > 2.4) | (jnp.abs(after[2]) > 12 * 2 * np.pi / 360)


def env_reset(key):
    return jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05)


# ---- networks: parameters by name


def init_linear(key, name, inputs, outputs, scale=1.0):
    weight = jax.random.truncated_normal(key, -2, 2, (inputs, outputs)) * scale / np.sqrt(inputs)
    return {f'{name}.weight': weight, f'{name}.bias': jnp.zeros(outputs)}


def init_mlp(key, name, inputs, hidden, outputs, last_scale=1.0):
    widths = [inputs, *hidden, outputs]
    scales = [1.4] * len(hidden) + [last_scale]
    parameters = {}
    for i, (k, scale) in enumerate(zip(jax.random.split(key, len(scales)), scales)):
        parameters |= init_linear(k, f'{name}.{i}', widths[i], widths[i + 1], scale)
    return parameters


def init(key, s):
    """Fresh (model, actor)."""
    keys = iter(jax.random.split(key, 9))
    latent, units, hidden = s['model']['latent'], s['model']['lstm'], s['model']['hidden']
    model = (
        init_mlp(next(keys), 'encoder', 4, hidden, 2 * latent)
        | init_mlp(next(keys), 'decoder', latent, hidden, 4)
        | init_linear(next(keys), 'lstm_input', latent + ACTIONS, 4 * units)
        | init_linear(next(keys), 'lstm_hidden', units, 4 * units)
        | init_linear(next(keys), 'latent_head', units, latent, 0.1)
        | init_linear(next(keys), 'reward', latent, 1)
        | init_mlp(next(keys), 'continue', latent, hidden, 1, 0.1)
    )
    model['lstm_input.bias'] = model['lstm_input.bias'].at[units : 2 * units].set(1.0)
    key = next(keys)
    if peer.arm(s) == 'dream-critic':
        model |= init_mlp(key, 'critic', latent, s['critic']['hidden'], 1, 0.1)
    return model, init_mlp(next(keys), 'actor', latent, s['actor']['hidden'], ACTIONS, 0.01)


def only(parameters, name):
    return {key: value for key, value in parameters.items() if key.startswith(f'{name}.')}


def linear(p, name, x):
    return x @ p[f'{name}.weight'] + p[f'{name}.bias']


def mlp(p, name, x, hidden):
    for i in range(len(hidden)):
        x = jax.nn.relu(linear(p, f'{name}.{i}', x))
    return linear(p, f'{name}.{len(hidden)}', x)


def encode(model, observation, s):
    """Mean and log-variance of q(z | o)."""
    mean, log_variance = jnp.split(mlp(model, 'encoder', observation / SCALE, s['model']['hidden']), 2, -1)
    return mean, jnp.clip(log_variance, -8, 4)


def value(p, latent, s):
    return mlp(p, 'critic', latent, s['critic']['hidden'])[..., 0]


def continue_logit(model, latent, s):
    return mlp(model, 'continue', latent, s['model']['hidden'])[..., 0]


def log_policy(actor, latent, s):
    return jax.nn.log_softmax(mlp(actor, 'actor', latent, s['actor']['hidden']))


def input_gates(model, latent, action):
    return linear(model, 'lstm_input', jnp.concatenate([latent, jax.nn.one_hot(action, ACTIONS)], -1))


def lstm_cell(model, hidden, cell, gates):
    i, f, g, o = jnp.split(gates + linear(model, 'lstm_hidden', hidden), 4, -1)
    cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(cell), cell


def predict_sequence(model, latent, action, first):
    """Teacher-forced: (state before each step: h, c; predicted next latent), each [batch, time, ...]."""
    zero = jnp.zeros((latent.shape[0], model['lstm_hidden.weight'].shape[0]))

    def step(state, inputs):
        gates, keep = inputs
        hidden, cell = (x * keep[:, None] for x in state)
        after = lstm_cell(model, hidden, cell, gates)
        return after, (hidden, cell, after[0])

    gates = input_gates(model, latent, action)
    _, steps = jax.lax.scan(step, (zero, zero), (gates.swapaxes(0, 1), 1 - first.swapaxes(0, 1)))
    hidden, cell, hidden_after = (x.swapaxes(0, 1) for x in steps)
    return hidden, cell, latent + linear(model, 'latent_head', hidden_after)


# ---- losses


def model_loss(model, target, windows, beta, noise, s):
    """L_dream (L_base for the baseline) on real transitions, its terms, and where imagination may start."""
    observation, action, next_observation, terminated, first = windows
    time_steps = observation.shape[1]
    mean, log_variance = encode(model, jnp.concatenate([observation, next_observation], 1), s)
    sample = mean + jnp.exp(0.5 * log_variance) * noise
    latent, next_latent = sample[:, :time_steps], sample[:, time_steps:]
    next_mean = mean[:, time_steps:]
    hidden, cell, predicted = predict_sequence(model, latent, action, first)

    def distance(x, y):
        return ((x - y) ** 2).sum(-1).mean()

    def decoded(x):
        return mlp(model, 'decoder', x, s['model']['hidden'])

    def continue_loss(x):
        return optax.sigmoid_binary_cross_entropy(continue_logit(model, x, s), 1 - terminated).mean()

    reward = jnp.ones_like(terminated)
    terms = {
        'reconstruction': distance(decoded(latent), observation / SCALE),
        'predicted_reconstruction': distance(decoded(predicted), next_observation / SCALE),
        'latent_consistency': distance(predicted, sg(next_mean)),
        'kl': (0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance)).mean(),
        'reward': ((linear(model, 'reward', predicted)[..., 0] - reward) ** 2).mean(),
        'continue': continue_loss(predicted) + continue_loss(next_latent),
    }
    loss = (
        s['model']['reconstructionWeight'] * (terms['reconstruction'] + terms['predicted_reconstruction'])
        + s['model']['latentWeight'] * terms['latent_consistency']
        + beta * terms['kl']
        + terms['reward']
        + terms['continue']
    )
    if target is not None:
        gamma = s['gamma']
        y = sg((1 - gamma) * reward + gamma * (1 - terminated) * value(target, next_mean, s))
        mask = 1 - first[:, 1:]
        on_predicted = mask * (value(model, predicted[:, :-1], s) - y[:, 1:]) ** 2
        terms['critic'] = ((value(model, latent, s) - y) ** 2).mean() + on_predicted.sum() / jnp.maximum(mask.sum(), 1)
        loss += s['lambda'] * terms['critic']
    return loss, (terms, mean[:, :time_steps], hidden, cell)


def imagine(model, start, choose, steps):
    """Rolls out one step per element of `steps`: latents, actions, next latents, each [horizon, starts, ...]."""

    def step(state, x):
        latent, hidden, cell = state
        action = choose(latent, x)
        hidden, cell = lstm_cell(model, hidden, cell, input_gates(model, latent, action))
        after = latent + linear(model, 'latent_head', hidden)
        return (after, hidden, cell), (latent, action, after)

    return jax.lax.scan(step, start, steps)[1]


def lambda_return(reward, discount, next_value, lam):
    def step(following, x):
        r, d, v = x
        following = r + d * ((1 - lam) * v + lam * following)
        return following, following

    return jax.lax.scan(step, next_value[-1], (reward, discount, next_value), reverse=True)[1]


def imagined_returns(model, target, latents, next_latents, s):
    """(w, lambda-return, advantage); the baseline's return is cut off at the horizon."""
    gamma = s['gamma']
    reward = (1 - gamma) * linear(model, 'reward', next_latents)[..., 0]
    go_on = jax.nn.sigmoid(continue_logit(model, next_latents, s))
    weight = jnp.concatenate([jnp.ones_like(go_on[:1]), jnp.cumprod(go_on, 0)[:-1]])
    if target is None:
        returns = lambda_return(reward, gamma * go_on, jnp.zeros_like(reward), 1.0)
        advantage = returns - returns.mean(1, keepdims=True)
    else:
        returns = lambda_return(reward, gamma * go_on, value(target, next_latents, s), s['critic']['returnLambda'])
        advantage = returns - value(model, latents, s)
    spread = jnp.percentile(returns, 95) - jnp.percentile(returns, 5)
    return weight, returns, advantage / jnp.maximum(s['actor']['returnRangeFloor'], spread)


def actor_loss(actor, latents, actions, weight, advantage, s):
    log_probability = log_policy(actor, latents, s)
    chosen = jnp.take_along_axis(log_probability, actions[..., None], -1)[..., 0]
    entropy = -(jnp.exp(log_probability) * log_probability).sum(-1)
    return -(weight * (chosen * advantage + s['actor']['entropy'] * entropy)).mean()


# ---- one update

adam = optax.scale_by_adam()


def new_learner(key, s):
    model, actor = init(key, s)
    target = only(model, 'critic') if peer.arm(s) == 'dream-critic' else None
    return dict(
        model=model,
        actor=actor,
        target=target,
        average=dict(encoder=only(model, 'encoder'), actor=actor),
        model_moments=adam.init(model),
        actor_moments=adam.init(actor),
    )


def clipped_step(parameters, gradient, moments, rate, clip):
    norm = optax.global_norm(gradient)
    gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, clip / (norm + 1e-9)), gradient)
    direction, moments = adam.update(gradient, moments)
    return jax.tree.map(lambda p, d: p - rate * d, parameters, direction), moments, norm


def moving_average(average, values, rate):
    return jax.tree.map(lambda a, v: (1 - rate) * a + rate * v, average, values)


def learn(learner, windows, beta, noise, starts, choose, steps, s):
    """One update from given noise: (learner, loss terms). `choose(actor)` picks imagined actions."""
    model, actor, target = learner['model'], learner['actor'], learner['target']
    (loss, (terms, mean, hidden, cell)), model_gradient = jax.value_and_grad(model_loss, has_aux=True)(
        model, target, windows, beta, noise, s
    )
    start = tuple(x.reshape(-1, x.shape[-1])[starts] for x in (mean, hidden, cell))
    latents, actions, next_latents = imagine(model, start, choose(actor), steps)
    weight, returns, advantage = imagined_returns(model, target, latents, next_latents, s)
    policy_loss, actor_gradient = jax.value_and_grad(actor_loss)(actor, latents, actions, weight, advantage, s)
    if target is not None:

        def imagined_critic(critic):
            return (weight * (value(critic, latents, s) - returns) ** 2).mean()

        terms['imagined_critic'], critic_gradient = jax.value_and_grad(imagined_critic)(only(model, 'critic'))
        model_gradient |= {k: model_gradient[k] + s['lambda'] * g for k, g in critic_gradient.items()}
    clip = s['gradientClip']
    model, model_moments, norm = clipped_step(
        model, model_gradient, learner['model_moments'], s['learningRate'], clip
    )
    actor, actor_moments, _ = clipped_step(
        actor, actor_gradient, learner['actor_moments'], s['actor']['learningRate'], clip
    )
    after = dict(
        model=model,
        actor=actor,
        target=target and moving_average(target, only(model, 'critic'), s['critic']['targetRate']),
        average=moving_average(
            learner['average'], dict(encoder=only(model, 'encoder'), actor=actor), s['policyAverage']
        ),
        model_moments=model_moments,
        actor_moments=actor_moments,
    )
    return after, dict(terms, total=loss, actor=policy_loss, gradient_norm=norm)


def update(learner, replay, size, beta, key, s):
    """One update from the first `size` transitions of a replay: windows and noise drawn here."""
    windows_key, noise_key, start_key, action_key = jax.random.split(key, 4)
    batch, length = s['replay']['batch'], s['replay']['length']
    rows = jax.random.randint(windows_key, (batch, 1), 0, size - length + 1) + jnp.arange(length)
    windows = tuple(replay[name][rows] for name in REPLAYED)
    noise = jax.random.normal(noise_key, (batch, 2 * length, s['model']['latent']))
    starts = jax.random.randint(start_key, (s['imaginationStarts'],), 0, batch * length)

    def sample(actor):
        return lambda latent, k: jax.random.categorical(k, log_policy(actor, latent, s))

    return learn(learner, windows, beta, noise, starts, sample, jax.random.split(action_key, s['horizon']), s)


# ---- collecting

REPLAYED = ('observation', 'action', 'next_observation', 'terminated', 'first')


def new_replay(capacity):
    return dict(
        observation=jnp.zeros((capacity, 4)),
        action=jnp.zeros((capacity,), jnp.int32),
        next_observation=jnp.zeros((capacity, 4)),
        terminated=jnp.zeros((capacity,)),
        first=jnp.zeros((capacity,)),
    )


def new_place(key):
    """Where a member stands in its environment: (state, steps taken, whether an episode starts)."""
    return env_reset(key), jnp.zeros((), jnp.int32), jnp.ones(())


def collect(place, replay, at, count, key, policy):
    """`count` steps by `policy(observation, key)` into the replay from row `at` on."""

    def step(place, k):
        state, steps, first = place
        action_key, reset_key = jax.random.split(k)
        action = policy(state, action_key)
        after, terminated = env_step(state, action)
        done = terminated | (steps + 1 >= TIME_LIMIT)
        place = jnp.where(done, env_reset(reset_key), after), jnp.where(done, 0, steps + 1), done.astype(jnp.float32)
        return place, (state, action.astype(jnp.int32), after, terminated.astype(jnp.float32), first)

    place, rows = jax.lax.scan(step, place, jax.random.split(key, count))
    return place, {
        name: jax.lax.dynamic_update_slice(replay[name], x, (at,) + (0,) * (x.ndim - 1))
        for name, x in zip(REPLAYED, rows)
    }


def random_policy(_observation, key):
    return jax.random.randint(key, (), 0, ACTIONS)


def online_policy(learner, s):
    def policy(observation, key):
        mean, _ = encode(learner['model'], observation, s)
        return jax.random.categorical(key, log_policy(learner['actor'], mean, s))

    return policy


# ---- evaluating


def play(encoder, actor, key, episodes, s):
    """Mean return of greedy episodes."""

    def step(carry, _):
        states, alive = carry
        mean, _ = encode(encoder, states, s)
        states, terminated = jax.vmap(env_step)(states, log_policy(actor, mean, s).argmax(-1))
        return (states, alive * (1 - terminated)), alive

    states = jax.vmap(env_reset)(jax.random.split(key, episodes))
    return jax.lax.scan(step, (states, jnp.ones(episodes)), None, length=TIME_LIMIT)[1].sum(0).mean()


def held_out_set():
    """32 linear controllers, a share from 0 to 1 of their actions random, 300 steps each."""

    def run(key, epsilon):
        key, start = jax.random.split(key)

        def policy(observation, k):
            balance = observation @ jnp.array([0.15, 0.3, 2.0, 0.6]) > 0
            pick, other = jax.random.split(k)
            return jnp.where(jax.random.uniform(pick) < epsilon, random_policy(None, other), balance.astype(jnp.int32))

        return collect(new_place(start), new_replay(300), 0, 300, key, policy)[1]

    return jax.vmap(run)(jax.random.split(jax.random.PRNGKey(777), 32), jnp.linspace(0, 1, 32))


def prediction_error(model, held_out, s):
    """Mean of (dec(z') - o')^2 in raw units, teacher-forced from the means."""
    mean, _ = encode(model, held_out['observation'], s)
    _, _, predicted = predict_sequence(model, mean, held_out['action'], held_out['first'])
    decoded = mlp(model, 'decoder', predicted, s['model']['hidden']) * SCALE
    return ((decoded - held_out['next_observation']) ** 2).mean()


def evaluate(learner, held_out, key, s):
    episodes = s['evaluation']['episodes']
    average = learner['average']
    return dict(
        reward_mean=play(average['encoder'], average['actor'], key, episodes, s),
        reward_mean_online=play(learner['model'], learner['actor'], key, episodes, s),
        prediction_mse=prediction_error(learner['model'], held_out, s),
    )


# ---- what can be asked of this file


def train(s):
    """A whole run of all seeds as one batch; prints one line per evaluation, then the seconds in all."""
    begin = time.perf_counter()
    assert s['steps'] <= s['replay']['capacity'], 'the peer overwrites nothing: capacity must hold all steps'
    every = s['updateEvery']
    keys = jnp.stack([jax.random.PRNGKey(seed) for seed in s['seeds']])
    held_out = held_out_set()

    def collect_randomly(key):
        learner_key, place_key, key = jax.random.split(key, 3)
        place, replay = new_place(place_key), new_replay(s['replay']['capacity'])
        place, replay = collect(place, replay, 0, s['randomSteps'], key, random_policy)
        return new_learner(learner_key, s), place, replay

    def member_cycle(learner, place, replay, key, size, beta):
        collect_key, update_key = jax.random.split(key)
        place, replay = collect(place, replay, size, every, collect_key, online_policy(learner, s))
        learner, _ = update(learner, replay, size + every, beta, update_key, s)
        return learner, place, replay

    cycle = jax.vmap(member_cycle, in_axes=(0, 0, 0, 0, None, None))

    def chunk(members, size, key, cycles):
        """Cycles of `updateEvery` steps and one update."""

        def body(i, members):
            step_keys = jax.random.split(jax.random.fold_in(key, i), len(s['seeds']))
            now = size + i * every
            return cycle(*members, step_keys, now, peer.beta_at(s, now + every, jnp.minimum))

        return jax.lax.fori_loop(0, cycles, body, members)

    chunk = jax.jit(chunk, donate_argnums=0)
    evaluate_all = jax.jit(jax.vmap(lambda learner, key: evaluate(learner, held_out, key, s)))
    members = jax.jit(jax.vmap(collect_randomly))(keys)
    size, step_key = s['randomSteps'], jax.random.PRNGKey(s['seeds'][0])
    while size + every <= s['steps']:
        due = min((size // s['evaluation']['every'] + 1) * s['evaluation']['every'], s['steps'])
        cycles = max(1, (due - size) // every)
        members = chunk(members, size, jax.random.fold_in(step_key, size), cycles)
        size += cycles * every
        row = evaluate_all(members[0], jax.vmap(lambda k: jax.random.fold_in(k, size))(keys))
        rounded = {name: [float(f'{x:.6g}') for x in np.asarray(values)] for name, values in row.items()}
        print(json.dumps(dict(step=size, seconds=round(time.perf_counter() - begin, 1), **rounded)), flush=True)
    print(json.dumps(dict(seconds=round(time.perf_counter() - begin, 1))))


def prepare(setup):
    """For `peer.serve`: updates of all members in one call, from a replay of random steps."""
    s, members = setup['experiment'], setup['members']

    def fill(key):
        learner_key, place_key, key = jax.random.split(key, 3)
        _, replay = collect(
            new_place(place_key), new_replay(s['randomSteps']), 0, s['randomSteps'], key, random_policy
        )
        return new_learner(learner_key, s), replay

    def updated(learner, key, replay):
        key, now = jax.random.split(key)
        return *update(learner, replay, s['randomSteps'], peer.beta_at(s, s['randomSteps']), now, s), key

    step = jax.jit(jax.vmap(updated), donate_argnums=0)
    keys = jax.random.split(jax.random.PRNGKey(0), members)
    learner, replay = jax.jit(jax.vmap(fill))(keys)

    def run(repeats):
        nonlocal learner, keys
        for _ in range(repeats):
            learner, terms, keys = step(learner, keys, replay)
        jax.block_until_ready((learner, terms))

    return {'update': run}


def learn_reference(given, s):
    """For `peer.check`."""
    dream = peer.arm(s) == 'dream-critic'
    model = {name: x for name, x in given['model'].items() if dream or not name.startswith('critic.')}
    actor = {f'actor.{name}': x for name, x in given['actor'].items()}
    learner = dict(
        model=model,
        actor=actor,
        target={f'critic.{name}': x for name, x in given['critic_target'].items()} if dream else None,
        average=dict(encoder=only(model, 'encoder'), actor=actor),
        model_moments=adam.init(model),
        actor_moments=adam.init(actor),
    )
    windows = tuple(given['batch'][name] for name in REPLAYED)
    start, actions = given['imagination']['start'], given['imagination']['actions']
    step = jax.jit(lambda *inputs: learn(*inputs, lambda actor: lambda latent, x: x, actions, s))
    after, terms = step(learner, windows, s['beta'], given['batch']['noise'], start)
    actor = {name.removeprefix('actor.'): x for name, x in after['actor'].items()}
    return terms, dict(model=after['model'], actor=actor)


if __name__ == '__main__':
    if sys.argv[1:2] == ['check']:
        peer.check(np, learn_reference)
    elif sys.argv[1:2] == ['train']:
        import yaml

        with open(sys.argv[2]) as config:
            train(peer.resolve(yaml.safe_load(config)))
    else:
        peer.serve(f'jax {jax.__version__}', prepare)
