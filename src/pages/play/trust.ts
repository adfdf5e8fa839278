import { type Game, type PastDream, TRUSTED_ERROR } from '../../play/game.ts';

/** The axis of errors, in decades. */
const [LEAST, MOST] = [1e-4, 10];
/** Room for the axes' numbers, in pixels of the page. */
const [LEFT, BOTTOM] = [56, 20];

/** Draws the dream's error at every step, on a logarithmic axis, with the line up to which it is trusted. */
export function drawChart(canvas: HTMLCanvasElement, { errors }: Game): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const ratio = window.devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const pixels = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
  if (canvas.width !== pixels.width || canvas.height !== pixels.height) Object.assign(canvas, pixels);
  const colour = (name: string) => getComputedStyle(canvas).getPropertyValue(name);
  const steps = Math.max(50, errors.length);
  const x = (step: number) => LEFT + ((width - LEFT - 8) * step) / steps;
  const y = (error: number) => {
    const clipped = Math.min(Math.max(error, LEAST), MOST);
    return 8 + ((height - BOTTOM - 8) * Math.log(MOST / clipped)) / Math.log(MOST / LEAST);
  };
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = '12px system-ui, sans-serif';
  context.fillStyle = colour('--muted');
  context.textAlign = 'right';
  for (let decade = MOST; decade >= LEAST; decade /= 10) {
    context.fillText(`${Number(decade.toPrecision(1))}`, LEFT - 6, y(decade) + 4);
  }
  context.fillText(`${steps} steps`, width - 8, height - 5);
  context.textAlign = 'left';
  context.fillText('0', LEFT, height - 5);
  context.strokeStyle = colour('--muted');
  context.setLineDash([4, 4]);
  stroke(context, [
    [x(0), y(TRUSTED_ERROR)],
    [x(steps), y(TRUSTED_ERROR)],
  ]);
  context.strokeStyle = colour('--dream');
  context.setLineDash([]);
  context.lineWidth = 2;
  stroke(
    context,
    errors.map((error, i) => [x(i + 1), y(error)]),
  );
}

function stroke(context: CanvasRenderingContext2D, points: readonly (readonly [number, number])[]): void {
  context.beginPath();
  for (const point of points) context.lineTo(...point);
  context.stroke();
}

/** The same in words. */
export function trustInWords({ errors, trustedSteps, earlierDreams, dream }: Game): string {
  if (!dream.observation) return 'The model decodes no observation that could be compared with reality.';
  const parts = [
    presentInWords(errors, trustedSteps),
    ...pastInWords(earlierDreams),
    '(Root mean square over the observation, each element divided by its scale.)',
  ];
  return parts.join(' ');
}

function pastInWords(dreams: readonly PastDream[]): string[] {
  if (dreams.length === 0) return [];
  const astray = dreams.filter(({ wentAstray }) => wentAstray).map(({ trustedSteps }) => trustedSteps);
  const all = `Of ${dreams.length} ${dreams.length === 1 ? 'dream' : 'dreams'} before, ${astray.length} went astray`;
  const middle = astray.toSorted((a, b) => a - b)[Math.floor(astray.length / 2)];
  return [middle === undefined ? `${all}.` : `${all}, the middle one of them after ${inSteps(middle)}.`];
}

function presentInWords(errors: readonly number[], trusted: number): string {
  const last = errors.at(-1);
  if (last === undefined) return 'The dream has just begun.';
  const off = `After ${inSteps(errors.length)} the dream is off by ${last.toPrecision(2)}`;
  if (trusted === 0) return `${off}, and was by more than ${TRUSTED_ERROR} from the first step on.`;
  const most = trusted < errors.length ? `for the first ${inSteps(trusted)}` : 'all the time';
  return `${off}; by at most ${TRUSTED_ERROR} ${most}.`;
}

const inSteps = (count: number) => `${count} ${count === 1 ? 'step' : 'steps'}`;
