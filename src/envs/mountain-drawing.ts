import { type Drawing, disc, line, type Position, rectangle } from './drawing.ts';

/** The mountain's height at a position. */
const height = (x: number) => 0.45 * Math.sin(3 * x) + 0.55;
/** The angle of its slope there: the arctangent of the derivative. (Gymnasium turns the car by cos 3x itself.) */
const slope = (x: number) => Math.atan(1.35 * Math.cos(3 * x));

const left = -1.2;
const right = 0.6;
const points = 73;
const clearance = 0.03;
const wheel = 0.024;

/** The two MountainCars as Gymnasium draws them: a car on the mountain 0.45 sin 3x + 0.55, and a flag at the goal. */
export function mountainDrawing(goal: number): Drawing {
  const profile = Array.from({ length: points }, (_, i): Position => {
    const x = left + ((right - left) * i) / (points - 1);
    return [x, height(x)];
  });
  const foot = height(goal);
  const top = foot + 0.15;
  const flag: readonly Position[] = [
    [goal, top],
    [goal, top - 0.06],
    [goal + 0.09, top - 0.03],
  ];
  return {
    // The car stands a little beyond the ends of the mountain.
    view: { left: left - 0.1, bottom: 0, width: right - left + 0.2, height: 1.2 },
    stepsPerSecond: 30,
    draw: (observation) => {
      const x = observation[0]!;
      const at: Position = [x, height(x)];
      const angle = slope(x);
      return [
        { form: { kind: 'line', points: profile, width: 0.008 }, ink: 'ground' },
        { form: line([goal, foot], [goal, top], 0.008), ink: 'ground' },
        { form: { kind: 'polygon', points: flag }, ink: 'goal' },
        { form: rectangle([-0.06, clearance], [0.06, clearance + 0.06]), ink: 'body', at, angle },
        { form: disc(wheel, [0.03, clearance]), ink: 'joint', at, angle },
        { form: disc(wheel, [-0.03, clearance]), ink: 'joint', at, angle },
      ];
    },
  };
}
