module.exports = (api) => {
  const isTest = api.env('test');
  return {
    presets: ['babel-preset-expo'],
    plugins: isTest ? ['@babel/plugin-transform-explicit-resource-management'] : [],
  };
};
