"""
One update of Dreamer v1 to v3 in JAX, over the networks of jax_rssm.py; `s`, `spaces` and names as there.

Every function is written for one member and vmapped over members by its caller. Shapes: windows [batch, time, ...],
dreams [starts, horizon, ...].
"""

import math

import jax
import jax.numpy as jnp
import optax

import peer
from jax_rssm import (
    GROUPS,
    action_input,
    as_seen,
    continue_logit,
    init,
    mixed,
    mlp,
    model_terms,
    prior,
    sample_latent,
    scalar_loss,
    scalar_mean,
    scan_time,
    sequence,
    sg,
    straight_through,
)

BETA1, BETA2 = 0.9, 0.999
STEPS = ('observation', 'action', 'reward', 'first', 'last', 'terminal')


# ---- acting


def box_policy(output, s):
    """Mean and deviation of actions before they are squashed or clipped."""
    m, raw = jnp.split(output, 2, -1)
    bounded = 0.1 + 0.9 * jax.nn.sigmoid(raw + 2)
    if s['actor']['box'] == 'clipped':
        return jnp.tanh(m), bounded
    wide = s['actor'].get('spread') == 'wide'
    return 5 * jnp.tanh(m / 5), jax.nn.softplus(raw + math.log(math.expm1(5))) + 1e-4 if wide else bounded


def policy(actor, features, s):
    return mlp(actor, 'actor', s['actor']['layers'], sg(features), s)


def sample_action(output, noise, s, spaces):
    """From Gumbel noise of every choice, or normal noise of every dimension of a box."""
    if spaces['actionSpace']['kind'] == 'box':
        mean, std = box_policy(output, s)
        u = mean + std * noise
        return jnp.clip(u, -1, 1) if s['actor']['box'] == 'clipped' else jnp.tanh(u)
    log_p = mixed(output, s['actor']['unimix'])
    chosen = straight_through((log_p + noise).argmax(-1), log_p)
    return chosen if s['actor']['straightThrough'] else sg(chosen)


def log_p_and_entropy(output, action, noise, s, spaces):
    if spaces['actionSpace']['kind'] == 'discrete':
        log_p = mixed(output, s['actor']['unimix'])
        return (log_p * action).sum(-1), -(jnp.exp(log_p) * log_p).sum(-1)
    mean, std = box_policy(output, s)
    u = mean + std * noise
    half_log = 0.5 * math.log(2 * math.pi)
    log_p = (-0.5 * ((sg(u) - mean) / std) ** 2 - jnp.log(std) - half_log).sum(-1)
    entropy = (jnp.log(std) + 0.5 + half_log).sum(-1)
    if s['actor']['box'] == 'clipped':
        return log_p, entropy
    slope = (2 * (math.log(2) - u - jax.nn.softplus(-2 * u))).sum(-1)
    return log_p - sg(slope), entropy + slope


# ---- dreams


def dream(model, actor, start, noise, s, spaces):
    """(states [starts, horizon + 1, features], actions) by the policy."""

    def step(state, inputs):
        h, z = state
        features = jnp.concatenate([h, z], -1)
        action = sample_action(policy(actor, features, s), inputs[0], s, spaces)
        h = sequence(model, h, z, action_input(model, action, s), s)
        return (h, sample_latent(prior(model, h, s), inputs[1], s)), (features, action)

    last, (features, actions) = scan_time(step, start, (noise['action'], noise['step']))
    return jnp.concatenate([features, jnp.concatenate(last, -1)[:, None]], 1), actions


def value_factor(s):
    return 1 - s['gamma'] if s['model']['scaledRewards'] else 1


def foresee(model, states, s):
    """(reward, discount, weight), each [starts, horizon]."""
    m = s['model']
    output = mlp(model, 'reward', m['headLayers'], states[:, 1:], s)
    own = 1 if s['discountInContinue'] and m['continueHead'] else s['gamma']
    going = jax.nn.sigmoid(continue_logit(model, states, s)) if m['continueHead'] else jnp.ones(states.shape[:2])
    weight = jnp.cumprod(going * own, 1) / own
    return scalar_mean(output, m['rewardHead'], s) * value_factor(s), going[:, 1:] * own, weight[:, :-1]


def lambda_return(reward, discount, next_value, lam, last):
    """Backwards along the second axis from `last`; lambda may differ from step to step."""

    def step(following, x):
        r, d, v, l = x
        following = r + d * ((1 - l) * v + l * following)
        return following, following

    inputs = (x.T for x in (reward, discount, next_value, jnp.broadcast_to(lam, reward.shape)))
    return jax.lax.scan(step, last, tuple(inputs), reverse=True)[1].T


def dream_returns(reward, discount, value, s):
    """(what the actor learns from, what the critic learns from)"""
    following, lam = value[:, 1:], s['critic']['returnLambda']
    for_critic = lambda_return(reward, discount, following, lam, following[:, -1])
    if s['critic']['bootstrapsActor']:
        return for_critic, for_critic
    nothing = jnp.zeros_like(following)
    return lambda_return(reward, discount, nothing, 1.0, nothing[:, -1]), for_critic


def reinforce_share(s, spaces):
    share = s['actor']['reinforce']
    return share if share != 'auto' else float(spaces['actionSpace']['kind'] == 'discrete')


# ---- losses


def critic_loss(output, returns, slow, weight, s):
    """The weighted mean of -log p(R | s) + eta (-log p(v_slow | s))."""
    head = s['critic']['head']
    loss = scalar_loss(output, returns, head, s) + s['critic']['slowRegulariser'] * scalar_loss(output, slow, head, s)
    return (weight * loss).mean()


def replayed_critic(p, slow_value, windows, h, z, lambda_returns, noise, s):
    """The critic's losses by name on the last replayed steps, and on the same steps as the prior predicts them."""
    steps, critic = s['startsPerWindow'], s['critic']
    if s['lambda'] == 0 or steps == 1:
        return {}
    reward, first, last, terminal = (windows[name][:, -steps:] for name in ('reward', 'first', 'last', 'terminal'))
    boot = lambda_returns[:, 0].reshape(reward.shape)
    discount = s['gamma'] * (1 - terminal[:, 1:])
    lam = critic['returnLambda'] * (1 - last[:, 1:])
    returns = sg(lambda_return(reward[:, 1:] * value_factor(s), discount, boot[:, 1:], lam, boot[:, -1]))
    going = (1 - last)[:, :-1]

    def learn(states, mask):
        states = states if critic['shapesModel'] else sg(states)
        return critic_loss(value_output(p['critic'], states, s), returns, slow_value(states), mask, s)

    h, z = (x[:, -steps:][:, :-1] for x in (h, z))
    losses = {'replayed_critic': learn(jnp.concatenate([h, z], -1), going)}
    if critic['onPrediction']:
        z = sample_latent(prior(p['model'], h, s), noise['prediction'][:, -steps:][:, :-1], s)
        losses['predicted_critic'] = learn(jnp.concatenate([h, z], -1), going * (1 - first)[:, :-1])
    return losses


def value_output(critic, states, s):
    return mlp(critic, 'critic', s['critic']['layers'], states, s)


def total_loss(p, slow, return_range, windows, noise, s, spaces):
    """(the sum of all losses, (terms, memory, next return range)), p by group."""
    critic, actor, head = s['critic'], s['actor'], s['critic']['head']
    weights, steps = s['model']['weights'], s['startsPerWindow']
    rho = reinforce_share(s, spaces)
    real, h, z = model_terms(p['model'], windows, noise['posterior'], s, spaces)
    model = jax.tree.map(sg, p['model'])
    slow_value = lambda states: sg(scalar_mean(value_output(slow, states, s), head, s))

    start = tuple(sg(x[:, -steps:].reshape(-1, x.shape[-1])) for x in (h, z))
    moving, taken = dream(model, p['actor'], start, noise, s, spaces)
    states, taken = sg(moving), sg(taken)
    output = value_output(p['critic'], states, s)
    slow_values = slow_value(states)
    value = slow_values if critic['slowTarget'] else sg(scalar_mean(output, head, s))
    reward, discount, weight = foresee(model, states, s)
    returns, lambda_returns = dream_returns(reward, discount, value, s)
    percentiles = jnp.percentile(returns, jnp.array([5.0, 95.0]))
    return_range = return_range + actor['returnRangeRate'] * (percentiles - return_range)
    scale = jnp.maximum(actor['returnRangeFloor'], return_range[1] - return_range[0]) if actor['normaliseReturns'] else 1.0
    baseline = value[:, :-1] if critic['bootstrapsActor'] else returns.mean(0, keepdims=True)
    advantage = (returns - baseline) / scale

    log_p, entropy = log_p_and_entropy(policy(p['actor'], states[:, :-1], s), taken, noise['action'], s, spaces)
    actor_loss = -(weight * (log_p * advantage * rho + actor['entropy'] * entropy)).mean()
    if rho < 1:
        constant = slow if critic['slowTarget'] else jax.tree.map(sg, p['critic'])
        ahead = foresee(model, moving, s)
        through, _ = dream_returns(*ahead[:2], scalar_mean(value_output(constant, moving, s), head, s), s)
        actor_loss += (1 - rho) * -(weight / scale * through).mean()
    replayed = replayed_critic(p, slow_value, windows, h, z, lambda_returns, noise, s)
    imagined = critic_loss(output[:, :-1], lambda_returns, slow_values[:, :-1], weight, s)
    total = sum(weights[name] * x for name, x in real.items()) + imagined + actor_loss
    total += s['lambda'] * sum(replayed.values())
    terms = dict(
        **real,
        **replayed,
        loss=total,
        critic=imagined,
        actor=actor_loss,
        entropy=entropy.mean(),
        imagined_return=returns.mean(),
        return_scale=jnp.asarray(scale),
        continue_probability=discount.mean(),
    )
    return total, (terms, sg(jnp.concatenate([h, z], -1)), return_range)


# ---- one update


def new_learner(key, s, spaces):
    p = init(key, s, spaces)
    zeros = jax.tree.map(jnp.zeros_like, p)
    return dict(
        weights=p,
        mean=zeros,
        square=zeros,
        slow=p['critic'],
        average={group: p[group] for group in ('model', 'actor')},
        return_range=jnp.zeros(2),
        updates=jnp.zeros((), jnp.int32),
    )


def optimise(p, gradient, mean, square, rate, t, o):
    """One step of LaProp, or of Adam, for one group of parameters: (parameters, mean, square)."""
    each = jax.tree.map
    if o['adaptiveClip'] > 0:

        def clipped(x, g):
            largest = o['adaptiveClip'] * jnp.maximum(1e-3, jnp.linalg.norm(x.ravel()))
            return g / jnp.maximum(1, jnp.linalg.norm(g.ravel()) / largest)

        gradient = each(clipped, p, gradient)
    if o['name'] == 'adam' and o['gradientClip'] > 0:
        norm = optax.global_norm(gradient)
        gradient = each(lambda g: g * jnp.minimum(1, o['gradientClip'] / (norm + 1e-9)), gradient)
    square = each(lambda v, g: BETA2 * v + (1 - BETA2) * g**2, square, gradient)
    root = each(lambda v: jnp.sqrt(v / (1 - BETA2**t)) + o['epsilon'], square)
    averaged = each(jnp.divide, gradient, root) if o['name'] == 'laprop' else gradient
    mean = each(lambda m, x: BETA1 * m + (1 - BETA1) * x, mean, averaged)
    direction = each(lambda m: m / (1 - BETA1**t), mean)
    if o['name'] == 'adam':
        direction = each(jnp.divide, direction, root)
    return each(lambda x, d: x - rate * d, p, direction), mean, square


def learn(learner, windows, noise, s, spaces):
    """One update from given windows and noise: (learner, memory, terms, gradients)."""
    t = learner['updates'] + 1
    o, critic = s['optimizer'], s['critic']
    (_, (terms, memory, return_range)), gradient = jax.value_and_grad(total_loss, has_aux=True)(
        learner['weights'], learner['slow'], learner['return_range'], windows, noise, s, spaces
    )
    rates = {'model': o['learningRate'], 'critic': o['criticLearningRate'], 'actor': o['actorLearningRate']}
    warm = jnp.minimum(1, (t - 1) / o['warmUp']) if o['warmUp'] > 0 else 1
    stepped = {
        group: optimise(
            *(given[group] for given in (learner['weights'], gradient, learner['mean'], learner['square'])),
            warm * rates[group],
            t,
            o,
        )
        for group in GROUPS
    }
    weights, mean, square = ({group: stepped[group][i] for group in GROUPS} for i in range(3))
    toward = lambda average, values, rate: jax.tree.map(lambda a, v: a + rate * (v - a), average, values)
    after = dict(
        weights=weights,
        mean=mean,
        square=square,
        slow=toward(learner['slow'], weights['critic'], jnp.where(t % critic['slowEvery'] == 0, critic['slowRate'], 0)),
        average=toward(
            learner['average'],
            {group: weights[group] for group in learner['average']},
            peer.average_rate_at(s, t, jnp.maximum),
        ),
        return_range=return_range,
        updates=t,
    )
    norms = {f'{group}_gradient_norm': optax.global_norm(gradient[group]) for group in GROUPS}
    terms['gradient_norm'] = norms.pop('model_gradient_norm')
    return after, memory, terms | norms, gradient


def update(learner, replay, key, s, spaces):
    """One update on windows of a full replay, whose memory it writes anew; windows and noise drawn here."""
    batch, length = s['replay']['batch'], s['replay']['length']
    m, space, starts = s['model'], spaces['actionSpace'], batch * s['startsPerWindow']
    keys = jax.random.split(key, 5)
    context = jax.random.randint(keys[0], (batch, 1), 0, replay['reward'].shape[0] - length)
    rows = context + 1 + jnp.arange(length)
    windows = {name: replay[name][rows] for name in STEPS}
    windows |= dict(action=replay['action'][rows - 1], before=replay['memory'][context[:, 0]])
    latent = jax.random.uniform if m['latent'] == 'categorical' else jax.random.normal
    choice, width = (jax.random.gumbel, space['n']) if space['kind'] == 'discrete' else (jax.random.normal, spaces['actions'])
    noise = dict(
        posterior=latent(keys[1], (batch, length, m['stoch'])),
        prediction=latent(keys[2], (batch, length, m['stoch'])),
        action=choice(keys[3], (starts, s['horizon'], width)),
        step=latent(keys[4], (starts, s['horizon'], m['stoch'])),
    )
    learner, memory, terms, _ = learn(learner, as_seen(windows, s, spaces), noise, s, spaces)
    return learner, replay | dict(memory=replay['memory'].at[rows].set(memory)), terms


def new_replay(key, steps, s, spaces):
    """Made-up experience: episodes of 25 steps."""
    m, space = s['model'], spaces['actionSpace']
    keys = jax.random.split(key, 3)
    ends = (jnp.arange(steps) % 25 == 24).astype(jnp.float32)
    if space['kind'] == 'discrete':
        action = jax.random.randint(keys[1], (steps,), 0, space['n'])
    else:
        low, high = jnp.asarray(space['low']), jnp.asarray(space['high'])
        action = jax.random.uniform(keys[1], (steps, spaces['actions']), minval=low, maxval=high)
    size = m['deter'] + m['stoch'] * (m['classes'] if m['latent'] == 'categorical' else 1)
    scale = jnp.asarray(spaces['observationScale'])
    return dict(
        observation=jax.random.normal(keys[0], (steps, spaces['observation'])) * scale,
        action=action,
        reward=jax.random.uniform(keys[2], (steps,)),
        first=jnp.roll(ends, 1),
        last=ends,
        terminal=ends,
        memory=jnp.zeros((steps, size)),
    )
