"""
The update of torch_world_model.py, for `wm bench`.

  python bench/torch_peer.py           answers `wm bench --peers` on stdin and stdout
  python bench/torch_peer.py check     compares one update with the reference
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F

import peer
from torch_world_model import (
    ACTIONS,
    SCALE,
    Learner,
    actor_shapes,
    critic_shapes,
    log_policy,
    model_shapes,
    random_parameters,
    unpack,
)


def prepare(setup):
    """For `peer.serve`: updates of all members in one batch, from a replay of made-up transitions."""
    s, members = setup['experiment'], setup['members']
    torch.manual_seed(0)
    batch, length, steps = s['replay']['batch'], s['replay']['length'], s['randomSteps']
    critic = random_parameters(critic_shapes(s), members) if peer.arm(s) == 'dream-critic' else None
    model = random_parameters(model_shapes(s), members)
    learner = Learner(model, random_parameters(actor_shapes(s), members), critic, s)
    ends = (torch.rand(members, steps) < 0.05).float()
    replay = (
        0.1 * torch.randn(members, steps, 4) / SCALE,
        F.one_hot(torch.randint(ACTIONS, (members, steps)), ACTIONS).float(),
        0.1 * torch.randn(members, steps, 4) / SCALE,
        ends,
        ends.roll(1, 1),
    )
    member = torch.arange(members).view(-1, 1, 1)
    beta = peer.beta_at(s, steps)

    def sample(actor):
        def choose(latent, _step):
            gumbel = -torch.log(-torch.log(torch.rand(*latent.shape[:2], ACTIONS)))
            return F.one_hot((log_policy(actor, latent, s) + gumbel).argmax(-1), ACTIONS).float()

        return choose

    def run(repeats):
        for _ in range(repeats):
            rows = torch.randint(steps - length + 1, (members, batch, 1)) + torch.arange(length)
            windows = tuple(x[member, rows] for x in replay)
            noise = torch.randn(members, batch, 2 * length, s['model']['latent'])
            starts = torch.randint(batch * length, (members, s['imaginationStarts']))
            learner.learn(windows, beta, noise, starts, sample)

    return {'update': run, 'sgemm': peer.sgemm(lambda n: torch.randn(n, n), torch.mm, setup['sgemmSize'])}


def learn_reference(given, s):
    """For `peer.check`: two members with the reference's weights, of which the second is compared."""

    def twice(array):
        x = torch.from_numpy(np.array(array))
        return x.expand(2, *x.shape).contiguous()

    def flat(shapes, values, prefix=''):
        return torch.cat([twice(values[name.removeprefix(prefix)]).flatten(1) for name in shapes], 1)

    target = flat(critic_shapes(s), given['critic_target'], 'critic.') if peer.arm(s) == 'dream-critic' else None
    actor = flat(actor_shapes(s), given['actor'], 'actor.')
    learner = Learner(flat(model_shapes(s), given['model']), actor, target, s)
    batch = {name: twice(values) for name, values in given['batch'].items()}
    windows = (
        batch['observation'] / SCALE,
        F.one_hot(batch['action'].long(), ACTIONS).float(),
        batch['next_observation'] / SCALE,
        batch['terminated'],
        batch['first'],
    )
    actions = F.one_hot(twice(given['imagination']['actions']).long(), ACTIONS).float()
    starts = twice(given['imagination']['start']).long()
    terms = learner.learn(windows, s['beta'], batch['noise'], starts, lambda _actor: lambda _latent, t: actions[:, t])

    def named(flat, shapes):
        return {name.removeprefix('actor.'): x[1].numpy() for name, x in unpack(flat.detach(), shapes).items()}

    after = dict(model=named(learner.model, model_shapes(s)), actor=named(learner.actor, actor_shapes(s)))
    return {name: x[1].detach() for name, x in terms.items()}, after


if __name__ == '__main__':
    if sys.argv[1:2] == ['check']:
        sys.exit(peer.check(np, learn_reference) > 0)
    else:
        peer.serve(f'torch {torch.__version__}', prepare)
