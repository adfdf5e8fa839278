/** The mazes of Sutton and Barto's *Reinforcement Learning* (2nd edition, 2018), chapter 8, as text. */

/** Figure 8.2. The shortest way takes 14 steps. */
export const dynaMaze = `
.......#G
..#....#.
S.#....#.
..#......
.....#...
.........`;

const openAtRight = `
........G
.........
.........
########.
.........
...S.....`;

const openAtLeft = openAtRight.replace('########.', '.########');

/** Figure 8.4: the way of 10 steps is blocked after 1000, and one of 16 opened. */
export const blockingMaze = `${openAtRight}
after 1000${openAtLeft}`;

/** Figure 8.5: beside the way of 16 steps one of 10 is opened after 3000. */
export const shortcutMaze = `${openAtLeft}
after 3000${openAtLeft.replace('.########', '.#######.')}`;
