/** The planners by name. */
export const plannerNames = ['cem'] as const;
export type PlannerName = (typeof plannerNames)[number];
