/** What is used of jstat, which comes without types. */
declare module 'jstat' {
  const jStat: {
    /** Student's t distribution. */
    studentt: {
      /** P(T <= t). */
      cdf(t: number, degreesOfFreedom: number): number;
      /** The quantile p in (0, 1). */
      inv(p: number, degreesOfFreedom: number): number;
    };
    /** The noncentral t distribution, of a normal number with mean `center` over the root of χ² / degrees. */
    noncentralt: {
      /** P(T <= t). */
      cdf(t: number, degreesOfFreedom: number, center: number): number;
    };
  };
  export default jStat;
}
