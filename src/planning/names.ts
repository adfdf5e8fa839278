/** The planners by name. */
export const plannerNames = ['cem', 'icem', 'mppi', 'shooting', 'enumeration'] as const;
export type PlannerName = (typeof plannerNames)[number];
