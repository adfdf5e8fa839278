/** A point of the plane, in the world's units: x to the right, y up. */
export type Position = readonly [x: number, y: number];

/** What part something plays in a picture; who renders it chooses the colours. */
export type Ink =
  /** What stands still: track, mountain, hinge. */
  | 'ground'
  /** What the agent is. */
  | 'body'
  /** What hangs on it: a pole, a link. */
  | 'limb'
  /** Where limbs turn. */
  | 'joint'
  /** What the agent is to keep away from. */
  | 'danger'
  /** Where the agent is to get to. */
  | 'goal';

/** A brightness, 0 (black) to 255: of what shows pictures. */
export type Grey = number;

/** A shape's outline, in coordinates of its own. */
export type Form =
  /** A line through the points, so wide, with round ends. */
  | { readonly kind: 'line'; readonly points: readonly Position[]; readonly width: number }
  /** Filled, the last point joined to the first. */
  | { readonly kind: 'polygon'; readonly points: readonly Position[] }
  /** Filled. */
  | { readonly kind: 'circle'; readonly centre: Position; readonly radius: number }
  /** Filled unit squares, each by its lower left corner; a form that may change from step to step. */
  | { readonly kind: 'cells'; readonly cells: readonly Position[] };

/** A form laid into the world: turned about its own origin, then moved so that the origin lies at a position. */
export interface Shape {
  readonly form: Form;
  readonly ink: Ink | Grey;
  /** Where the form's origin lies; absent: at the world's. */
  readonly at?: Position;
  /** Radians, counter-clockwise; absent: 0. */
  readonly angle?: number;
}

/** The part of the world that a picture shows. */
export interface View {
  readonly left: number;
  readonly bottom: number;
  readonly width: number;
  readonly height: number;
}

/** How an environment is drawn, for any renderer: SVG, a canvas. */
export interface Drawing {
  readonly view: View;
  /** Steps that a film shows in a second: Gymnasium's `render_fps` where it has one. */
  readonly stepsPerSecond: number;
  /**
   * The shapes of one step, the hindmost first, from the observation alone: a dream has nothing else. They are the same
   * shapes in the same order whatever is observed, and only `at`, `angle` and which `cells` there are differ; the first
   * two are not finite where the observation is not. Elements after the environment's own, such as distractors, are not read.
   *
   * @param observation raw units, [observation]
   */
  draw(observation: ArrayLike<number>): readonly Shape[];
}

/** The corners of a rectangle between two of them, from the left lower one counter-clockwise. */
export const corners = ([left, bottom]: Position, [right, top]: Position): Position[] => [
  [left, bottom],
  [right, bottom],
  [right, top],
  [left, top],
];

/** A filled rectangle between two corners. */
export const rectangle = (one: Position, other: Position): Form => ({
  kind: 'polygon',
  points: corners(one, other),
});

/** A straight line. */
export const line = (from: Position, to: Position, width: number): Form => ({
  kind: 'line',
  points: [from, to],
  width,
});

/** A disc about a form's origin, or about another point. */
export const disc = (radius: number, centre: Position = [0, 0]): Form => ({ kind: 'circle', centre, radius });
