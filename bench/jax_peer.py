"""
The updates of jax_world_model.py (dream critic and baseline), jax_dreamer.py, jax_tdmpc.py and jax_muzero.py, and the
actions that the last two plan and search for, jitted and vmapped over members.

  python bench/jax_peer.py                              answers `wm bench --peers` on stdin and stdout
  python bench/jax_peer.py train configs/dream.yaml     the whole run, all cores; one JSON line per evaluation
  python bench/jax_peer.py check                        compares updates with the references

`s` is a config as wm resolves it. Every function is written for one member unless it says otherwise.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

import dreamer_reference
import jax_dreamer
import jax_muzero
import jax_tdmpc
import peer
from jax_world_model import (
    ACTIONS,
    REPLAYED,
    SCALE,
    adam,
    encode,
    learn,
    log_policy,
    mlp,
    new_learner,
    only,
    predict_sequence,
    update,
)

TIME_LIMIT = 500


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


# ---- collecting

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
    """For `peer.serve`: updates of all members in one call."""
    known = {'vae-lstm': prepare_vae_lstm, 'dreamer': prepare_dreamer, 'tdmpc': prepare_tdmpc, 'muzero': prepare_muzero}
    return known[setup['experiment']['method']](setup)


def prepare_dreamer(setup):
    """From a replay of made-up steps, whose memory every update writes anew."""
    s, spaces, members = setup['experiment'], setup['spaces'], setup['members']

    def fill(key):
        learner_key, replay_key = jax.random.split(key)
        replay = jax_dreamer.new_replay(replay_key, s['randomSteps'], s, spaces)
        return jax_dreamer.new_learner(learner_key, s, spaces), replay

    def updated(learner, replay, key):
        key, now = jax.random.split(key)
        learner, replay, terms = jax_dreamer.update(learner, replay, now, s, spaces)
        return learner, replay, key, terms

    step = jax.jit(jax.vmap(updated), donate_argnums=(0, 1))
    keys = jax.random.split(jax.random.PRNGKey(0), members)
    learner, replay = jax.jit(jax.vmap(fill))(keys)

    def run(repeats):
        nonlocal learner, replay, keys
        for _ in range(repeats):
            learner, replay, keys, terms = step(learner, replay, keys)
        jax.block_until_ready((learner, terms))

    return {'update': run}


def prepare_tdmpc(setup):
    """From a replay of made-up steps. `collect` is the planned action alone, without the environment's step."""
    s, spaces, members = setup['experiment'], setup['spaces'], setup['members']
    jax_tdmpc.require_known(s)

    def fill(key):
        learner_key, replay_key = jax.random.split(key)
        replay = jax_tdmpc.new_replay(replay_key, max(s['randomSteps'], 2 * s['replay']['length']), spaces)
        return jax_tdmpc.new_learner(learner_key, s, spaces), replay

    def updated(learner, replay, key):
        key, now = jax.random.split(key)
        learner, terms = jax_tdmpc.update(learner, replay, now, s, spaces)
        return learner, key, terms

    def planned(learner, observation, memory, key):
        key, now = jax.random.split(key)
        return *jax_tdmpc.plan(learner, observation, memory, now, s, spaces), key

    update_all = jax.jit(jax.vmap(updated), donate_argnums=0)
    plan_all = jax.jit(jax.vmap(planned))
    keys = jax.random.split(jax.random.PRNGKey(0), members)
    learner, replay = jax.jit(jax.vmap(fill))(keys)
    observation = jnp.zeros((members, spaces['observation']))
    memory = jnp.zeros((members, s['planner']['horizon'], spaces['actions']))

    def run(repeats):
        nonlocal learner, keys
        for _ in range(repeats):
            learner, keys, terms = update_all(learner, replay, keys)
        jax.block_until_ready((learner, terms))

    def collect(repeats):
        nonlocal memory, keys
        for _ in range(repeats):
            # Every action is waited for: an environment would do so.
            action, memory, keys = jax.block_until_ready(plan_all(learner, observation, memory, keys))

    return {'update': run, 'collect': collect}


def prepare_muzero(setup):
    """
    From a replay of made-up steps. `collect` and `act` are the searched actions alone, without the environment's step: of
    one environment of every member, and of as many as are asked for.
    """
    s, spaces, members = setup['experiment'], setup['spaces'], setup['members']
    jax_muzero.require_known(s, spaces)

    def fill(key):
        learner_key, replay_key = jax.random.split(key)
        replay = jax_muzero.new_replay(replay_key, s['randomSteps'], spaces)
        return jax_muzero.new_learner(learner_key, s, spaces), replay

    def updated(learner, replay, key):
        key, now = jax.random.split(key)
        learner, terms = jax_muzero.update(learner, replay, s['randomSteps'], now, s, spaces)
        return learner, key, terms

    def chosen(networks, observation, key):
        key, now = jax.random.split(key)
        return jax_muzero.searched(networks, observation, now, s, spaces)[:3], key

    update_all = jax.jit(jax.vmap(updated), donate_argnums=0)
    choose_all = jax.jit(jax.vmap(chosen))
    keys = jax.random.split(jax.random.PRNGKey(0), members)
    learner, replay = jax.jit(jax.vmap(fill))(keys)

    def run(repeats):
        nonlocal learner, keys
        for _ in range(repeats):
            learner, keys, terms = update_all(learner, replay, keys)
        jax.block_until_ready((learner, terms))

    def acting(environments):
        observation = jnp.zeros((members, environments, spaces['observation']))

        def act(repeats):
            nonlocal keys
            for _ in range(repeats):
                # Every action is waited for: an environment would do so.
                _, keys = jax.block_until_ready(choose_all(learner['model'], observation, keys))

        return act

    return {'update': run, 'collect': acting(1), 'act': acting(setup.get('environments', 1))}


def prepare_vae_lstm(setup):
    """From a replay of random steps."""
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
        sys.exit(peer.check(np, learn_reference) + dreamer_reference.check() + jax_tdmpc.check() + jax_muzero.check() > 0)
    elif sys.argv[1:2] == ['train']:
        import yaml

        with open(sys.argv[2]) as config:
            train(peer.resolve(yaml.safe_load(config)))
    else:
        peer.serve(f'jax {jax.__version__}', prepare)
